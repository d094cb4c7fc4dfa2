import { keyed, listen, make, write } from "/static/shell.js";

listen("/api/handset", (state) => {
  keyed(document.getElementById("phones"), state.threads, (thread) => thread.number,
    () => make("li"), (row, thread) => write(row, `${thread.number}: ${thread.texts.at(-1)?.text ?? ""}`));
});
