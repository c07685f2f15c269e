// What the theme leaves out for those who read without a mouse or a screen:
// a region that scrolls can be reached by the keyboard, and the search has a name.
document.addEventListener("DOMContentLoaded", () => {
  const regions = ".md-typeset pre > code, .md-typeset__table, .md-typeset__scrollwrap";
  for (const region of document.querySelectorAll(regions)) {
    region.tabIndex = 0;
  }
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
});
