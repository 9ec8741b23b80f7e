// A day as the pages write it. What is a card's and what is a key's stands in the files that show it.

/** "9 Jan 2026", in the page's language. Takes what Date takes; a bare yyyy-mm-dd is that day everywhere. */
export function day(moment) {
  const lang = document.documentElement.lang;
  const at = /^\d{4}-\d{2}-\d{2}$/.test(moment) ? `${moment}T12:00` : moment;
  const parts = { day: "numeric", month: "short", year: "numeric" };
  return new Date(at).toLocaleDateString(lang === "en" ? "en-GB" : lang, parts);
}
