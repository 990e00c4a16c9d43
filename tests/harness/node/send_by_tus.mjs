// Sends a file with tus-js-client and prints the job's id.
// Usage: node send_by_tus.mjs CLIENT_FOLDER ENDPOINT FILE CHUNK_BYTES PARALLEL    (the key: STENOBOX_KEY)
import { createReadStream, statSync } from "node:fs";
import { createRequire } from "node:module";

const [, , folder, endpoint, path, chunkBytes, parallel] = process.argv;
const tus = createRequire(`${folder}/package.json`)("tus-js-client");
const parallelUploads = Number(parallel);
let job = null;

const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  chunkSize: Number(chunkBytes),
  // With several at once it finds out the size itself, and refuses to be told.
  ...(parallelUploads > 1 ? { parallelUploads } : { uploadSize: statSync(path).size }),
  retryDelays: Array(40).fill(100),
  headers: { Authorization: `Bearer ${process.env.STENOBOX_KEY}` },
  metadata: { filename: "talk.wav", filetype: "audio/wav", language: "en" },
  onAfterResponse: (_request, response) => {
    job = response.getHeader("Stenobox-Job") ?? job;
  },
  onError: (error) => {
    console.error(String(error));
    process.exit(1);
  },
  onSuccess: () => {
    console.log(job ?? "");
    process.exit(0);
  },
});
upload.start();
