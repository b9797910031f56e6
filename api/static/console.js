"use strict";

const POLL_MS = 1500;
const $ = (id) => document.getElementById(id);
const state = { key: sessionStorage.getItem("lethe-key"), selected: null };

async function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${state.key}`, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const error = new Error(problem.detail || `The server answered ${answer.status}.`);
    error.status = answer.status;
    throw error;
  }
  return answer;
}

function element(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function bar(job) {
  const made = document.createElement("progress");
  made.max = 1;
  made.value = job.status === "succeeded" ? 1 : job.progress.fraction;
  made.title = job.phase || job.status;
  return made;
}

function row(job) {
  const made = document.createElement("tr");
  const progress = element("td");
  progress.append(bar(job));
  made.append(
    element("td", job.id), element("td", job.model), element("td", job.method),
    element("td", job.phase ? `${job.status}: ${job.phase}` : job.status, job.status), progress,
    element("td", job.verdict || "", job.verdict || ""), element("td", new Date(job.created_at).toLocaleString()));
  made.addEventListener("click", () => { state.selected = job.id; refresh(); });
  return made;
}

function facts(job) {
  const shown = {
    Status: job.phase ? `${job.status}: ${job.phase}` : job.status,
    Step: `${job.progress.step} of ${job.progress.total_steps ?? "?"}`,
    Ready: job.progress.eta_at ? new Date(job.progress.eta_at).toLocaleTimeString() : "",
    Verdict: job.verdict || "", Reference: job.external_id || "",
    Error: job.error ? `${job.error.code}: ${job.error.message}` : "",
  };
  return Object.entries(shown).filter(([, value]) => value).flatMap(([name, value]) => [element("dt", name), element("dd", value)]);
}

function actions(job) {
  const made = [];
  const button = (label, action) => {
    const one = element("button", label);
    one.addEventListener("click", () => action().catch(report));
    made.push(one, " ");
  };
  if (["queued", "running"].includes(job.status)) {
    button("Cancel", async () => { await call(`/v1/jobs/${job.id}/cancel`, { method: "POST" }); await refresh(); });
  }
  if (job.status === "succeeded") {
    button("Report", () => save(`/v1/jobs/${job.id}/report`, `${job.id}-report.html`, "text/html"));
    button("Patch", () => save(`/v1/jobs/${job.id}/patch?accept_failed=true`, `${job.id}-patch.zip`, "*/*"));
    button("Certificate", () => save(`/v1/jobs/${job.id}/certificate`, `${job.id}-certificate.json`, "application/json"));
  }
  return made;
}

async function save(path, name, accept) {
  const answer = await call(path, { headers: { Accept: accept } });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function number(value) {
  return typeof value === "number" ? value.toFixed(3) : "";
}

function evaluation(job) {
  const rows = [];
  for (const [split, { metrics }] of Object.entries(job.evaluation?.splits ?? {})) {
    for (const [name, values] of Object.entries(metrics ?? {})) {
      if (typeof values.after !== "number") continue;
      const made = document.createElement("tr");
      made.append(element("td", split), element("td", name), element("td", number(values.before)), element("td", number(values.after)));
      rows.push(made);
    }
  }
  return rows;
}

function detail(job) {
  $("detail").hidden = false;
  $("detail-title").textContent = job.id;
  $("facts").replaceChildren(...facts(job));
  $("actions").replaceChildren(...actions(job));
  const rows = evaluation(job);
  $("evaluation").hidden = rows.length === 0;
  $("evaluation").querySelector("tbody").replaceChildren(...rows);
}

function report(error) {
  $("message").textContent = error.message;
  if (error.status === 401) signOut();
}

async function refresh() {
  const page = await (await call("/v1/jobs?limit=25")).json();
  $("jobs").hidden = false;
  $("empty").hidden = page.data.length > 0;
  $("rows").replaceChildren(...page.data.map(row));
  if (state.selected) detail(await (await call(`/v1/jobs/${state.selected}`)).json());
  $("message").textContent = "";
}

function signOut() {
  sessionStorage.removeItem("lethe-key");
  state.key = state.selected = null;
  $("jobs").hidden = $("detail").hidden = $("forget-key").hidden = true;
}

async function poll() {
  if (state.key && !document.hidden) {
    $("forget-key").hidden = false;
    await refresh().catch(report);
  }
  setTimeout(poll, POLL_MS);
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  state.key = $("key").value.trim();
  sessionStorage.setItem("lethe-key", state.key);
  $("key").value = "";
  refresh().then(() => { $("forget-key").hidden = false; }).catch(report);
});
$("forget-key").addEventListener("click", signOut);
poll();
