// SPDX-License-Identifier: Apache-2.0

#include "ui/page.h"

namespace platform::ui {

const char* const kPage = R"html(<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>faasnap platform</title>
<style>
:root { color-scheme: light dark; --line: #8886; --queue: #d99a2b; --start: #4a86c5; --function: #4f9d69; --bad: #c0504d; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .3rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { font-weight: 600; } td.number { text-align: right; }
#facts { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; }
.bar { display: flex; height: .8rem; min-width: 12rem; }
.bar i { display: block; min-width: 1px; }
.queue { background: var(--queue); } .start { background: var(--start); } .function { background: var(--function); }
.key { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: -.1rem; }
.bad, #trouble { color: var(--bad); }
</style>
<h1>faasnap platform</h1>
<div id="trouble" role="status"></div>
<div id="facts"></div>
<h2>Functions</h2><div class="scroll"><table id="functions"></table></div>
<h2>VMs that wait</h2><div class="scroll"><table id="vms"></table></div>
<h2>Invocations <span class="key queue"></span>queue<span class="key start"></span>start of the VM<span class="key function"></span>function</h2>
<div class="scroll"><table id="invocations"></table></div>
<script>
"use strict";
const byId = id => document.getElementById(id);
const cell = (value, kind) => {
  const td = document.createElement("td");
  if (value instanceof Node) td.append(value); else td.textContent = value;
  if (kind) td.className = kind;
  return td;
};
const fill = (id, heads, rows) => {
  const head = document.createElement("tr");
  for (const text of heads) { const th = document.createElement("th"); th.textContent = text; head.append(th); }
  const lines = rows.map(cells => { const tr = document.createElement("tr"); tr.append(...cells); return tr; });
  byId(id).replaceChildren(head, ...lines);
};
const mib = bytes => (bytes / 1048576).toFixed(1) + " MiB";
const ms = value => value.toFixed(value < 10 ? 2 : 0) + " ms";
const bar = (past, longest) => {
  const line = document.createElement("div");
  line.className = "bar";
  for (const [phase, time] of [["queue", past.queued_ms], ["start", past.started_ms], ["function", past.invoked_ms]]) {
    const part = document.createElement("i");
    part.className = phase;
    part.style.width = 100 * time / longest + "%";
    part.title = phase + " " + ms(time);
    line.append(part);
  }
  return line;
};
const total = past => past.queued_ms + past.started_ms + past.invoked_ms;
const show = data => {
  const facts = [data.running + " running", data.waiting + " waiting", data.events + " asynchronous",
                 data.memory_mib + " of " + data.memory_limit_mib + " MiB in use by invocations"];
  byId("facts").replaceChildren(...facts.map(text => { const span = document.createElement("span"); span.textContent = text; return span; }));
  const snapshots = new Map(data.snapshots.map(each => [each.revision, each]));
  fill("functions", ["Name", "Version", "Memory", "Timeout", "Snapshot", "Loading set"], data.functions.map(each => {
    const snapshot = snapshots.get(each.revision);
    return [cell(each.name), cell(each.version), cell(each.memory_mib + " MiB", "number"), cell(each.timeout_s + " s", "number"),
            cell(snapshot ? mib(snapshot.nonzero_bytes) : each.recording ? "is being recorded" : "none yet", "number"),
            cell(snapshot ? mib(snapshot.loading_set_bytes) : "", "number")];
  }));
  fill("vms", ["Function", "State", "Memory", "Invocations", "Idle", "VM"], data.vms.map(each =>
    [cell(each.function), cell(each.state), cell(each.memory_mib + " MiB", "number"), cell(each.invocations, "number"),
     cell(each.state === "idle" ? each.idle_s + " s" : "", "number"), cell(each.vm.slice(0, 8))]));
  const longest = Math.max(1, ...data.invocations.map(total));
  fill("invocations", ["Time", "Function", "Result", "VM", "Total", ""], data.invocations.map(each =>
    [cell(new Date(each.time_ms).toLocaleTimeString()), cell(each.function + (each.version === "$LATEST" ? "" : ":" + each.version)),
     cell(each.result, each.result === "ok" ? "" : "bad"), cell(each.vm ? each.start : ""), cell(ms(total(each)), "number"),
     cell(each.reason || bar(each, longest))]));
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
