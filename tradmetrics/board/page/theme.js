(() => {
  const asked = new URLSearchParams(location.search).get("theme");
  const kept = asked || localStorage.getItem("tradmetrics-theme");
  const dark = kept ? kept === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", dark);
  document.documentElement.lang = "en";
  window.tradmetricsTheme = () => {
    const now = document.documentElement.classList.toggle("dark");
    localStorage.setItem("tradmetrics-theme", now ? "dark" : "light");
  };
  window.tradmetricsChoose = (name, value) => {
    const address = new URL(location.href);
    if (value) address.searchParams.set(name, value);
    else address.searchParams.delete(name);
    location.href = address;
  };
})();
