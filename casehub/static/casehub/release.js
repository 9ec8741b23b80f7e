// A release of information: proposes the last day when it is chosen what it is for. A day that somebody typed stays.
const form = document.querySelector("form[data-release]");
const field = (name) => form.elements.namedItem(name);
let proposed = "";

function days() {
  if (field("recipient").value === "hub") return Number(form.dataset.hubDays);
  return Number(form.querySelector("[name=purpose]:checked")?.dataset.days ?? 0);
}

function propose(event) {
  const until = field("ends_on");
  if (!["recipient", "purpose", "starts_on"].includes(event.target.name) || (until.value && until.value !== proposed)) return;
  const first = new Date(`${field("starts_on").value}T12:00:00Z`);
  if (!days() || Number.isNaN(first.getTime())) return;
  first.setUTCDate(first.getUTCDate() + days() - 1);
  proposed = first.toISOString().slice(0, 10);
  until.value = proposed;
}

form?.addEventListener("change", propose);
