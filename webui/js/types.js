/**
 * The shapes that travel between the box and this page, and between the parts of the page. Types only: nothing runs here.
 *
 * @typedef {"queued" | "running" | "done" | "failed" | "cancelled" | "quarantined"} JobState
 *
 * @typedef {object} Job
 * @property {string} id
 * @property {JobState} state
 * @property {string} recording_id
 * @property {string} filename what the sender called the file
 * @property {string} title
 * @property {string[]} tags
 * @property {"interactive" | "normal" | "batch"} priority
 * @property {number} progress position reached in the recording, 0 to 1
 * @property {string} model
 * @property {string | null} language code; null means: detect it
 * @property {string} task
 * @property {"mix" | "split"} channels
 * @property {number} attempt
 * @property {{code: string, detail: string} | null} error
 * @property {number | null} duration seconds
 * @property {string} created_at ISO 8601, UTC
 * @property {string | null} started_at
 * @property {string | null} finished_at
 * @property {string | null} audio_removed_at the audio's days are over; the transcript is still there
 * @property {string | null} trashed_at
 * @property {string} owner
 * @property {Access} access
 *
 * @typedef {"own" | "edit" | "read"} Access what whoever asks may do: all, correct the text, or look and listen
 *
 * @typedef {object} Recording
 * @property {string} id
 * @property {string} title
 * @property {string[]} tags
 * @property {string} filename
 * @property {string | null} recorded ISO 8601, as exact as the file says it
 * @property {number | null} audio_days how long the audio is kept; null: what the settings say, 0: always
 * @property {number | null} transcript_days how long all of it is kept
 * @property {string} owner
 * @property {Access} access
 *
 * @typedef {object} Share one recording, or everything with a tag, for an account or for whoever has a link
 * @property {string} id
 * @property {string | null} recording
 * @property {string | null} tag
 * @property {string} title
 * @property {string} owner
 * @property {string | null} user null: a link
 * @property {boolean} link
 * @property {"read" | "edit"} rights
 * @property {string} created_at
 * @property {string | null} expires_at null: until it is taken back
 * @property {string | null} used_at when a link was last opened
 *
 * @typedef {object} LinkedJob
 * @property {string} id
 * @property {string} language
 * @property {"mix" | "split"} channels
 * @property {string} finished_at
 *
 * @typedef {object} LinkedRecording
 * @property {string} id
 * @property {string} title
 * @property {number | null} duration seconds
 * @property {string | null} recorded
 * @property {string} created_at
 * @property {boolean} has_audio
 * @property {LinkedJob[]} jobs newest last
 *
 * @typedef {object} Linked what a link opens
 * @property {string} title
 * @property {string} owner
 * @property {boolean} folder
 * @property {string} expires_at
 * @property {LinkedRecording[]} recordings newest first
 * @property {boolean} more whether there are others beside those
 *
 * @typedef {object} Peaks the shape of a recording's sound
 * @property {number} length
 * @property {number[]} data lowest and highest in turn, -127 to 127
 *
 * @typedef {{word: string, start: number, end: number}} Word with the punctuation next to it; seconds
 *
 * @typedef {object} Segment
 * @property {number} id
 * @property {number} start seconds
 * @property {number} end seconds
 * @property {string} text
 * @property {number | null} channel it was heard in, from 0; null where they were mixed
 * @property {Word[]} [words] where their times were asked for
 *
 * @typedef {object} Transcript
 * @property {string} language
 * @property {number} duration
 * @property {Segment[]} segments
 * @property {number} version 1 is what the model heard
 *
 * @typedef {Omit<Segment, "id" | "words">} Line
 *
 * @typedef {object} Version
 * @property {number} number
 * @property {string | null} author null: the model
 * @property {string} created_at
 * @property {number | null} restored_from
 *
 * @typedef {object} Difference
 * @property {number} same how many lines are in both versions
 * @property {{old: Segment[], new: Segment[], parts: {kind: "same" | "removed" | "added", text: string}[]}[]} changes
 *
 * @typedef {{text: string, hit: boolean}} FoundPart
 *
 * @typedef {object} FoundTranscript
 * @property {string} job_id
 * @property {string} owner
 * @property {FoundPart[]} title
 * @property {FoundPart[]} tags
 * @property {string} language
 * @property {number} duration
 * @property {string} created_at
 * @property {{line: number, start: number, channel: number | null, parts: FoundPart[]}[]} passages
 * @property {number} lines how many lines hold hits
 *
 * @typedef {object} Found a page of hits
 * @property {FoundTranscript[]} hits
 * @property {number} total
 * @property {boolean} complete
 * @property {string | null} next
 *
 * @typedef {object} User
 * @property {string} name
 * @property {"admin" | "user" | "viewer"} role
 *
 * @typedef {object} AccountFields what administrators see of an account
 * @property {number} id
 * @property {boolean} disabled
 * @property {string} created_at
 * @property {number} used_bytes
 * @property {number | null} quota_bytes null: what the settings say, 0: no limit
 * @property {boolean} second_factor signing in takes a code too
 *
 * @typedef {User & AccountFields} Account
 *
 * @typedef {object} SignIn a session of the page
 * @property {number} id
 * @property {string} browser in a few words
 * @property {string} address
 * @property {boolean} current the one that asks
 * @property {string} created_at
 * @property {string} last_seen_at
 * @property {string} ends_at
 *
 * @typedef {object} SecondFactor
 * @property {boolean} enabled
 * @property {string | null} since
 * @property {number} recovery_codes how many are left
 *
 * @typedef {object} Enrolment what an authenticator app needs
 * @property {string} secret
 * @property {string} uri
 * @property {{size: number, path: string}} qr
 *
 * @typedef {"read" | "upload" | "admin" | "metrics"} Scope
 *
 * @typedef {object} ApiKey
 * @property {number} id
 * @property {string} name
 * @property {string} prefix
 * @property {Scope[]} scopes
 * @property {string} created_at
 * @property {string | null} expires_at null: when it is revoked
 * @property {string | null} last_used_at
 *
 * @typedef {object} Space how much an account keeps
 * @property {number} used_bytes
 * @property {number | null} quota_bytes null: no limit
 * @property {number} trash_days
 *
 * @typedef {object} Model
 * @property {string} name
 * @property {boolean} default
 * @property {boolean} demo
 *
 * @typedef {object} Catalogue what GET /api/models says
 * @property {Model[]} models
 * @property {{code: string, name: string}[]} languages
 *
 * @typedef {object} View what a route shows
 * @property {HTMLElement} node
 * @property {string} title
 * @property {() => void} [destroy]
 *
 * @typedef {object} App what every view is passed
 * @property {import("./api.js").Api} api
 * @property {import("./texts.js").Texts} texts
 * @property {import("./store.js").JobStore} store
 * @property {import("./upload.js").Uploader} uploader
 * @property {User} user
 * @property {Catalogue} catalogue
 * @property {(message: string) => void} announce says it to assistive technology
 * @property {(message: string, kind?: "good" | "bad", action?: import("./toast.js").ToastAction) => void} notify shows it
 *   for a while, and says it
 * @property {(hash: string) => void} navigate
 * @property {Map<string, import("./views/editor.js").Draft>} drafts corrections that were not saved, by job
 */
export {};
