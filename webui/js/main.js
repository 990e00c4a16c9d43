/** Starts the page: finds out who is there, then shows what a link opens, set-up, sign-in or the application. */

import { Api } from "./api.js";
import { confirmDialog } from "./dialog.js";
import { el, fill, setText } from "./dom.js";
import { acceptDrops } from "./drop.js";
import { EventStream } from "./events.js";
import { explain } from "./messages.js";
import { Router } from "./router.js";
import { JobStore } from "./store.js";
import { Texts } from "./texts.js";
import { Toasts } from "./toast.js";
import { UploadMemory } from "./memory.js";
import { Uploader } from "./upload.js";
import { Visit } from "./visit.js";
import { accountView } from "./views/account.js";
import { auditView } from "./views/audit.js";
import { boxView } from "./views/box.js";
import { insecureBanner } from "./views/insecure.js";
import { jobView } from "./views/job.js";
import { jobsView } from "./views/jobs.js";
import { keysView } from "./views/keys.js";
import { linkedView } from "./views/linked.js";
import { referenceView } from "./views/reference.js";
import { searchView } from "./views/search.js";
import { Shell } from "./views/shell.js";
import { trashView } from "./views/trash.js";
import { takeDropped } from "./views/upload_panel.js";
import { usersView } from "./views/users.js";
import { card, setupNeededView, setupView, signInView } from "./views/welcome.js";

/** @import { App, Job, User, View } from "./types.js" */

class Page {
  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} announcer
   */
  constructor(root, announcer) {
    this.root = root;
    this.announcer = announcer;
    this.toasts = new Toasts();
    document.body.append(this.toasts.node);
    this.api = new Api(() => this.signedOut());
    /** Undoes what a signed-in session set up. @type {(() => void) | null} */
    this.closeSession = null;
    /** Whether somebody is signing out, so that the end of the session is no news. */
    this.leaving = false;
    this.visit = new Visit(this.api, (...message) => this.toasts.show(...message), (view) => this.showAlone(view));
    window.addEventListener("hashchange", () => this.moved());
  }

  /** @param {string} message */
  announce(message) {
    // The same text twice would not be spoken twice.
    setText(this.announcer, "");
    requestAnimationFrame(() => setText(this.announcer, message));
  }

  async start() {
    try {
      const { needed, encrypted } = await this.api.setupNeeded();
      if (!encrypted) this.root.before(insecureBanner());
      if (needed) this.showSetup();
      else if (location.pathname === "/setup") this.leaveSetup(() => this.openOrSignIn());
      else if (!this.visit.begin()) await this.openOrSignIn();
    } catch (error) {
      this.showTrouble(error);
    }
  }

  /** Where nobody is signed in; else the router does it. */
  moved() {
    if (this.closeSession) return;
    const visited = this.visit.open;
    if (this.visit.begin()) this.root.querySelector("h1")?.focus({ preventScroll: true });
    else if (visited) this.openOrSignIn();
  }

  showSetup() {
    const token = new URLSearchParams(location.hash.replace(/^#/, "")).get("token");
    if (location.pathname === "/setup" && token) {
      this.showAlone(setupView(this.api, token, (user) => this.leaveSetup(() => this.open(user))));
    } else this.showAlone(setupNeededView());
  }

  /**
   * The used token goes out of the address bar and of the history.
   * @param {() => void} next
   */
  leaveSetup(next) {
    history.replaceState(null, "", "/#/");
    next();
  }

  async openOrSignIn() {
    try {
      await this.open(await this.api.me());
    } catch (error) {
      if (/** @type {any} */ (error).status === 401) this.showSignIn();
      else this.showTrouble(error);
    }
  }

  showSignIn() {
    if (this.visit.begin()) return;
    this.showAlone(signInView(this.api, (user) => this.open(user)));
    this.root.querySelector("input")?.focus();
  }

  /** @param {View} view */
  showAlone(view) {
    document.title = `${view.title} – Stenobox`;
    fill(this.root, view.node);
  }

  /** @param {unknown} error */
  showTrouble(error) {
    const again = el("button", { type: "button", class: "button button-primary", onclick: () => location.reload() }, "Try again");
    this.showAlone({ node: card("The box cannot be reached", explain(error), [again]), title: "Not reachable" });
  }

  /** @param {User} user */
  async open(user) {
    let catalogue;
    try {
      catalogue = await this.api.models();
    } catch (error) {
      this.showTrouble(error);
      return;
    }
    const store = new JobStore();
    const uploader = new Uploader({
      memory: new UploadMemory(user.name),
      job: (id) => this.api.job(id),
      onSignedOut: () => this.signedOut(),
    });
    const stream = new EventStream("/api/events", {
      onEvent: (name, data) => store.apply(name, data),
      onConnection: (connection) => {
        shell.connection(connection);
        // Whatever happened while nobody listened has to be asked for.
        if (connection.state === "open") store.reload();
      },
      onSignedOut: () => this.signedOut(),
    });
    const shell = new Shell({ user, uploader, onSignOut: () => this.signOut(uploader), onRetry: () => stream.retryNow() });
    /** @type {App} */
    const app = {
      api: this.api, texts: new Texts(this.api), store, uploader, user, catalogue,
      announce: (message) => this.announce(message),
      notify: (message, kind, action) => this.toasts.show(message, kind, action),
      navigate: (hash) => {
        location.hash = hash;
      },
      drafts: new Map(),
    };
    const router = makeRouter(app, shell);
    announceOutcomes(app);
    uploader.addEventListener("sent", (event) => {
      const { upload, job } = /** @type {CustomEvent} */ (event).detail;
      // Live events of a short recording may be ahead of the answer to its upload.
      if (!store.jobs.has(job.id)) store.put(job);
      this.announce(`${upload.file.name} has arrived.`);
    });
    const stopDrops = user.role === "viewer" ? () => {} : acceptDrops((dropped) => {
      app.navigate("#/");
      takeDropped(app, dropped);
    });
    this.closeSession = () => {
      this.closeSession = null;
      router.stop();
      stream.stop();
      stopDrops();
      uploader.clear();
      shell.destroy();
      app.drafts.clear();
      store.clear();
    };
    this.visit.end();
    fill(this.root, shell.node);
    router.start();
    stream.start();
  }

  /** @param {Uploader} uploader */
  async signOut(uploader) {
    if (uploader.active().length > 0) {
      const sure = await confirmDialog({
        title: "Stop the uploads?",
        text: "Files are still on their way to the box. Signing out stops them.",
        yes: "Sign out",
        no: "Stay",
      });
      if (!sure) return;
    }
    // The box ends the event stream too, and the page may hear of that first: the form would come twice, and be
    // emptied under the hands of who has begun to sign in again.
    this.leaving = true;
    try {
      await this.api.signOut();
    } catch (error) {
      if (/** @type {any} */ (error).status !== 401) {
        this.toasts.show(explain(error));
        return;
      }
    } finally {
      this.leaving = false;
    }
    this.closeSession?.();
    location.hash = "#/";
    this.showSignIn();
    this.announce("You are signed out.");
  }

  /** The box says that the session is over. */
  signedOut() {
    if (!this.closeSession || this.leaving) return;
    this.closeSession();
    this.showSignIn();
    this.toasts.show("Your session has ended. Please sign in again.");
  }
}

/**
 * @param {App} app
 * @param {Shell} shell
 */
function makeRouter(app, shell) {
  /** @type {ReturnType<typeof jobsView> | null} */
  let jobs = null;
  const showJobs = (/** @type {URLSearchParams} */ query, /** @type {boolean} */ shared) => {
    if (jobs && shell.view === jobs) jobs.choose(query, shared);
    else shell.show(jobs = jobsView(app, query, shared));
  };
  /** @type {ReturnType<typeof searchView> | null} */
  let search = null;
  const showSearch = (/** @type {URLSearchParams} */ query) => {
    if (search && shell.view === search) search.ask(query);
    else shell.show(search = searchView(app, query));
  };
  return new Router(
    [
      { path: "/", show: (_, query) => showJobs(query, false) },
      { path: "/shared", show: (_, query) => showJobs(query, true) },
      { path: "/jobs/:id", show: ({ id }, query) => shell.show(jobView(app, id, query.get("at"))) },
      { path: "/search", show: (_, query) => showSearch(query) },
      { path: "/trash", show: () => shell.show(trashView(app)) },
      { path: "/keys", show: () => shell.show(keysView(app)) },
      { path: "/reference", show: () => shell.show(referenceView(app)) },
      { path: "/users", show: () => shell.show(usersView(app)) },
      { path: "/audit", show: () => shell.show(auditView(app)) },
      { path: "/box", show: () => shell.show(boxView(app)) },
      { path: "/account", show: () => shell.show(accountView(app)) },
      { path: "/link/:token", show: ({ token }, query) => shell.show(linkedView(app, { token, recording: query.get("recording") })) },
    ],
    () => app.navigate("#/"),
  );
}

/**
 * Says it when a job that was seen waiting or running comes to its end.
 * @param {App} app
 */
function announceOutcomes(app) {
  /** @type {Set<string>} */
  const underWay = new Set();
  app.store.addEventListener("job", (event) => {
    /** @type {Job} */
    const job = /** @type {CustomEvent} */ (event).detail;
    if (job.state === "queued" || job.state === "running") underWay.add(job.id);
    else if (underWay.delete(job.id)) {
      if (job.state === "done") app.announce(`The transcript of ${job.title} is ready.`);
      else if (job.state !== "cancelled") app.announce(`The transcription of ${job.title} failed.`);
    }
  });
}

const root = document.getElementById("app");
const announcer = document.getElementById("announcer");
if (root && announcer) new Page(root, announcer).start();
// The fragment is the route, so the link cannot simply point at the content.
document.querySelector(".skip-link")?.addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main")?.focus();
});
