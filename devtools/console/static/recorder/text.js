// One text's way, live while it is under way. It is drawn as the file is that the command writes.

import { api, connection, listen, write } from "/static/shell.js";
import { Recorder } from "/static/trace/trace.js";

const page = document.getElementById("main");
const problem = document.getElementById("problem");
const url = `/api/texts/${encodeURIComponent(page.dataset.id)}`;
const recorder = new Recorder(document.getElementById("recorder"));

// After its end nothing comes but the last events.
const SETTLED_MS = 30_000;

let stop = null;

function follow() {
  stop = listen(`${url}/live`, (trace) => {
    recorder.show(trace);
    if (trace.ended_ms === null || trace.now_ms - trace.ended_ms <= SETTLED_MS) return;
    stop();
    connection("ended: reload for what comes later", "ended");
  });
}

// A page that is left ends its connection itself, or Firefox reports it as interrupted.
addEventListener("pagehide", () => stop?.());
addEventListener("pageshow", (event) => event.persisted && follow());

try {
  recorder.show(await api("GET", `${url}/trace`));
  follow();
} catch (error) {
  write(problem, error.message);
  document.getElementById("share").hidden = true;
}
