// One text's way, live while it is under way. It is drawn as the file is that the command writes.

import { api, listen, write } from "/static/shell.js";
import { Recorder } from "/static/trace/trace.js";

const page = document.getElementById("main");
const problem = document.getElementById("problem");
const url = `/api/texts/${encodeURIComponent(page.dataset.id)}`;
const recorder = new Recorder(document.getElementById("recorder"));

// After its end nothing comes but the last events.
const SETTLED_MS = 30_000;

try {
  recorder.show(await api("GET", `${url}/trace`));
  const stop = listen(`${url}/live`, (trace) => {
    recorder.show(trace);
    if (trace.ended_ms !== null && trace.now_ms - trace.ended_ms > SETTLED_MS) stop();
  });
} catch (error) {
  write(problem, error.message);
  document.getElementById("share").hidden = true;
}
