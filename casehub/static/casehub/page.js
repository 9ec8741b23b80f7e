// Small manners of every page: focus on the errors, open and close dialogs, print, and say when htmx failed.
// Each works without this script too, except printing from a button and the failure notice.
const summary = document.querySelector("[data-error-summary]");
if (summary) summary.focus();

document.addEventListener("click", (event) => {
  const control = event.target.closest("[data-opens], [data-closes], [data-print]");
  if (!control) return;
  if ("print" in control.dataset) window.print();
  else if ("closes" in control.dataset) control.closest("dialog").close();
  else {
    const dialog = document.getElementById(control.dataset.opens);
    if (!dialog) return;
    event.preventDefault();
    dialog.showModal();
  }
});

function trouble() {
  const note = document.getElementById("trouble");
  if (note) note.hidden = false;
}

document.addEventListener("htmx:responseError", (event) => {
  // 401 and 403 mean the session is locked or over: let the server show the way back in.
  if ([401, 403].includes(event.detail.xhr.status)) location.reload();
  else trouble();
});
document.addEventListener("htmx:sendError", trouble);
document.addEventListener("htmx:afterRequest", (event) => {
  const note = document.getElementById("trouble");
  if (note && event.detail.successful) note.hidden = true;
});
document.addEventListener("htmx:afterSettle", (event) => {
  const wrong = event.detail.elt.querySelector("[data-error-summary]");
  if (wrong) wrong.focus();
});
