// The code of a one-time link stands behind the #, where no server and no log sees it. It is
// taken out of the address and sent once.

const form = document.querySelector("form[data-enter]");
const code = location.hash.slice(1);
if (form && code) {
  history.replaceState(null, "", location.pathname);
  form.elements.code.value = code;
  form.requestSubmit();
}
