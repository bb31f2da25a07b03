// Runs before the page is painted, so that it does not flash in the other theme.
const STORED = 'coreframe-docs-theme';
const chosen = localStorage.getItem(STORED);
const isDark = chosen === null ? matchMedia('(prefers-color-scheme: dark)').matches : chosen === 'dark';
document.documentElement.classList.toggle('dark-mode', isDark);

addEventListener('DOMContentLoaded', () => {
  document.getElementById('theme')?.addEventListener('click', () => {
    const isNowDark = document.documentElement.classList.toggle('dark-mode');
    localStorage.setItem(STORED, isNowDark ? 'dark' : 'light');
  });
});
