// Runs before the first paint, so that a dark room sees no white flash; no module, as those wait.
(() => {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
