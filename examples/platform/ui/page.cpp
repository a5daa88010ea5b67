// SPDX-License-Identifier: Apache-2.0

#include "ui/page.h"

namespace platform::ui {

const char* const kPage = R"html(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>faasnap platform</title>
<style>
:root { color-scheme: light dark; --line: #8886; --quiet: #595959; --bad: #b3261e;
        --queue: #b26a00; --start: #2f6fb0; --function: #2e7d4f; }
@media (prefers-color-scheme: dark) {
  :root { --quiet: #a8a8a8; --bad: #ff8a80; --queue: #d99a2b; --start: #6aa6e6; --function: #5fb583; }
}
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .3rem; }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--start); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; } th.number, td.number { text-align: right; }
td.name, td.wide { white-space: normal; overflow-wrap: anywhere; min-width: 9rem; }
td.name { max-width: 18rem; } td.none { color: var(--quiet); white-space: normal; }
td:last-child, th:last-child { padding-right: 0; }
#facts { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; }
.bar { display: flex; height: .8rem; min-width: 12rem; }
.bar i { display: block; min-width: 1px; flex: none; }
.axis { display: flex; justify-content: space-between; min-width: 12rem; }
.queue { background: var(--queue); } .start { background: var(--start); } .function { background: var(--function); }
.key { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem; vertical-align: -.1rem; }
td > .key { display: none; }
/* A row becomes a few lines, in which numbers say what they are, so that nothing is beside the window. */
@media (max-width: 40rem) {
  table, tbody { display: block; }
  tr { display: flex; flex-wrap: wrap; gap: 0 1rem; padding: .25rem 0; border-bottom: 1px solid var(--line); }
  tr.heads { display: none; }
  td, td.name, td.wide { padding: 0; border: 0; min-width: 0; max-width: none; }
  td:empty { display: none; }
  td.name, td.wide, td.bars { width: 100%; }
  td.name { font-weight: 600; }
  td.number::before { content: attr(data-label) " "; color: var(--quiet); }
  td.phase { display: flex; align-items: center; gap: .3rem; }
  td.phase > .key { display: block; order: -1; margin: 0; }
}
.bad, #trouble { color: var(--bad); }
</style>
<h1>faasnap platform</h1>
<div id="trouble" role="status"></div>
<div id="facts"></div>
<h2 id="of-functions">Functions</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="of-functions"><table id="functions"></table></div>
<h2 id="of-vms">VMs that wait</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="of-vms"><table id="vms"></table></div>
<h2 id="of-invocations">Invocations</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="of-invocations"><table id="invocations"></table></div>
<script>
"use strict";
const byId = id => document.getElementById(id);
const make = (name, kind, ...content) => {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...content);
  return element;
};
const cell = (value, kind) => make("td", kind, value);
// A head is a text or an element; those of numbers stand over them.
const head = (content, kind) => {
  const th = make("th", kind, content);
  th.scope = "col";
  return th;
};
const fill = (id, heads, rows, none) => {
  for (const cells of rows) cells.forEach((each, column) => { each.dataset.label = heads[column].textContent; });
  byId(id).replaceChildren(...(rows.length ? [make("tr", "heads", ...heads), ...rows.map(cells => make("tr", "", ...cells))]
                                           : [make("tr", "", cell(none, "none"))]));
};
const mib = bytes => (bytes / 1048576).toFixed(1) + " MiB";
const time = ms => ms < 1000 ? ms.toFixed(ms < 10 ? 2 : 0) + " ms" : (ms / 1000).toFixed(2) + " s";
const key = phase => make("span", "key " + phase);
const phaseHead = (phase, text) => {
  const th = head(text, "number");
  th.prepend(key(phase));
  return th;
};
const phaseCell = (phase, ms) => {
  const td = cell(time(ms), "number phase");
  td.append(key(phase));
  return td;
};
// Bars only show what the columns beside them say in numbers.
const bar = (past, longest) => {
  const line = make("div", "bar");
  line.setAttribute("aria-hidden", "true");
  for (const [phase, length] of [["queue", past.queued_ms], ["start", past.started_ms], ["function", past.invoked_ms]]) {
    const part = make("i", phase);
    part.style.width = 100 * length / longest + "%";
    if (length > 0) line.append(part);
  }
  return line;
};
const total = past => past.queued_ms + past.started_ms + past.invoked_ms;
const show = data => {
  const facts = [data.running + " running", data.waiting + " waiting", data.events + " asynchronous",
                 data.memory_mib + " of " + data.memory_limit_mib + " MiB in use by invocations"];
  byId("facts").replaceChildren(...facts.map(text => make("span", "", text)));
  const snapshots = new Map(data.snapshots.map(each => [each.revision, each]));
  fill("functions", [head("Name"), head("Version"), head("Memory", "number"), head("Timeout", "number"),
                     head("Snapshot", "number"), head("Loading set", "number")], data.functions.map(each => {
    const snapshot = snapshots.get(each.revision);
    return [cell(each.name, "name"), cell(each.version), cell(each.memory_mib + " MiB", "number"), cell(each.timeout_s + " s", "number"),
            cell(snapshot ? mib(snapshot.nonzero_bytes) : each.recording ? "is being recorded" : "none yet", "number"),
            cell(snapshot ? mib(snapshot.loading_set_bytes) : "", "number")];
  }), "There are no functions. Lambda's CreateFunction makes one.");
  fill("vms", [head("Function"), head("State"), head("Memory", "number"), head("Invocations", "number"), head("Idle", "number"), head("VM")],
       data.vms.map(each =>
    [cell(each.function, "name"), cell(each.state), cell(each.memory_mib + " MiB", "number"), cell(each.invocations, "number"),
     cell(each.state === "idle" ? each.idle_s + " s" : "", "number"), cell(each.vm.slice(0, 8))]), "No VM waits.");
  const longest = Math.max(1, ...data.invocations.map(total));
  const axis = make("span", "axis", make("span", "", "0"), make("span", "", time(longest)));
  fill("invocations", [head("Time"), head("Function"), head("Result"), head("VM"), phaseHead("queue", "Queue"),
                       phaseHead("start", "Start"), phaseHead("function", "Function"), head(axis)],
       data.invocations.map(each => {
    const row = [cell(new Date(each.time_ms).toLocaleTimeString()), cell(each.function + (each.version === "$LATEST" ? "" : ":" + each.version), "name"),
                 cell(each.result, each.result === "ok" ? "" : "bad"), cell(each.vm ? each.start : "")];
    if (!each.reason) {
      return [...row, phaseCell("queue", each.queued_ms), phaseCell("start", each.started_ms), phaseCell("function", each.invoked_ms),
              cell(bar(each, longest), "bars")];
    }
    const reason = cell(each.reason, "wide");
    reason.colSpan = 4;
    return [...row, reason];
  }), "Nothing was invoked since the platform started.");
};
const refresh = async () => {
  try {
    const answer = await fetch("ui/data");
    if (!answer.ok) throw new Error("status " + answer.status);
    show(await answer.json());
    byId("trouble").textContent = "";
  } catch (error) {
    byId("trouble").textContent = "The platform does not answer: " + error.message;
  }
  setTimeout(refresh, 2000);
};
refresh();
</script>
</html>
)html";

}  // namespace platform::ui
