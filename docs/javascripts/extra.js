// A region that scrolls must be reachable without a mouse: https://dequeuniversity.com/rules/axe/4.11/scrollable-region-focusable
document.addEventListener("DOMContentLoaded", () => {
  for (const region of document.querySelectorAll(".md-typeset pre > code, .md-typeset__table, .md-typeset__scrollwrap")) {
    region.tabIndex = 0;
  }
});
