// Asks the browser for a passkey when form[data-passkey] is sent ("new" or "use"), and sends what it answers.
// What is asked for comes from the server in data-options; what proves anything is the server's to say.
const UNKNOWN = typeof PublicKeyCredential === "undefined" || !PublicKeyCredential.parseRequestOptionsFromJSON;

function say(form, name) {
  for (const one of form.querySelectorAll("[data-passkey-says]")) one.hidden = one.dataset.passkeySays !== name;
}

function ask(form) {
  const { publicKey } = JSON.parse(form.dataset.options);
  if (form.dataset.passkey === "new") {
    return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) });
  }
  return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
}

async function answer(form, button) {
  say(form, "waiting");
  button.setAttribute("aria-disabled", "true");
  try {
    const found = (await ask(form)).toJSON();
    // Keys that an extension may have made stay in the browser.
    delete found.clientExtensionResults?.prf?.results;
    form.elements.credential.value = JSON.stringify(found);
    say(form, "");
    form.requestSubmit(button);
  } catch (error) {
    say(form, error.name === "InvalidStateError" ? "known" : "failed");
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const button = form.querySelector("button[type=submit]");
  form.elements.credential.value = ""; // an answer that was refused comes back with the page
  if (UNKNOWN) {
    say(form, "unknown");
    button.disabled = true;
  }
  form.addEventListener("submit", (event) => {
    if (form.elements.credential.value) return;
    event.preventDefault();
    if (button.getAttribute("aria-disabled") !== "true") answer(form, button);
  });
}
