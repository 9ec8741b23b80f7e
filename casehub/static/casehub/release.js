// A release of information: proposes the last day when it is chosen what it is for, and asks why only if it is later.
// A day that somebody typed stays.
const form = document.querySelector("form[data-release]");
const field = (name) => form.elements.namedItem(name);
let proposed = "";

function days() {
  if (field("recipient").value === "hub") return Number(form.dataset.hubDays);
  return Number(form.querySelector("[name=purpose]:checked")?.dataset.days ?? 0);
}

/** The last day of the time proposed, or "" while it is not known. */
function lastDay() {
  const day = new Date(`${field("starts_on").value}T12:00:00Z`);
  if (!days() || Number.isNaN(day.getTime())) return "";
  day.setUTCDate(day.getUTCDate() + days() - 1);
  return day.toISOString().slice(0, 10);
}

function propose(event) {
  const until = field("ends_on");
  if (!["recipient", "purpose", "starts_on"].includes(event.target.name) || (until.value && until.value !== proposed)) return;
  const last = lastDay();
  if (!last) return;
  until.value = proposed = last;
}

function askWhy() {
  const why = form.querySelector("[data-longer]"), last = lastDay();
  why.hidden = !why.querySelector(".wrongfield") && !(last && field("ends_on").value > last);
}

form?.addEventListener("change", (event) => {
  propose(event);
  askWhy();
});
if (form) askWhy();
