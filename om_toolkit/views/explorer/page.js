// Shows the HTML of a page; reports clicks on rows; copies and saves what Python sends.
function render({ model, el }) {
  const show = () => { el.innerHTML = model.get("html"); };
  show();
  model.on("change:html", show);

  el.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const row = event.target.closest("tr[data-row]");
    if (button && button.dataset.do === "copy") {
      copy(el.querySelector("code").textContent).then(() => { button.textContent = "Copied"; });
    } else if (row && (button || String(getSelection()) === "")) {
      model.send({ do: "open", row: Number(row.dataset.row) });
    } else if (button) {
      model.send({ do: button.dataset.do });
    }
  });

  model.on("msg:custom", ({ name, type }, buffers) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(buffers, { type }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}

// Pages that are not served over HTTPS or from this computer have no clipboard API.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

export default { render };
