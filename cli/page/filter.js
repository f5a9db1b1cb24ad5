// Shows the differences that have all of the words typed. Without it the tables are whole.
for (const box of document.querySelectorAll("p.filter")) {
  const rows = [...box.parentElement.querySelectorAll("table.differences tbody tr")];
  const input = box.querySelector("input");
  box.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    box.querySelector("output").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  });
}
