"""What is asked of every page of the console: that it can be used without eyes, and read with them.

    check_spoken(browser); look(browser, "audit")
"""
import os
import pathlib

from harness import check

# Texts whose colour has less contrast with what is behind it than WCAG 2.1 asks for (AA).
CONTRAST = """
const parse = c => (c.match(/[\\d.]+/g) || []).map(Number);
const light = c => c.slice(0, 3).map(v => v / 255).map(
    v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = e => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
const faint = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!own || !e.getClientRects().length || e.closest('svg, option')) continue;
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(e.tagName + ': ' + e.textContent.trim().slice(0, 40));
}
return faint;
"""


def check_spoken(browser):
    spoken = browser.spoken()
    roles = [role for role, _ in spoken]
    for one in ("banner", "navigation", "main", "heading"):
        check(one in roles, f"no {one} on {browser.address()}")
    for role, name in spoken:
        if role in ("link", "button", "textbox", "combobox", "checkbox", "image", "img", "table"):
            check(name.strip(), f"a {role} without a name on {browser.address()}")


def look(browser, name):
    """As it is wide and narrow, light and dark: nothing is wider than the page."""
    for width, scheme in ((1100, "light"), (1100, "dark"), (400, "light"), (400, "dark")):
        browser.show_as(width, scheme)
        wide = browser.run("return document.documentElement.scrollWidth")
        check(wide <= width, f"{name} is {wide} wide on {width}")
        faint = browser.run(CONTRAST)
        check(not faint, f"{name}, {scheme}: {faint}")
        if os.environ.get("RECRYPT_PICTURES"):
            folder = pathlib.Path(os.environ["RECRYPT_PICTURES"])
            browser.picture(folder / f"{name}-{width}-{scheme}.png")
    browser.show_as(1100, "light")
