// A fragment of the page: what stays the same stays where it is, so that a press that has begun, the focus and a
// selection outlive the next time it is sent.
const SIGNS = ["id", "href"];

// What an element is known by among its neighbours: a row of a list by where it leads, else by what it is.
const signOf = (node) => `${node.nodeName} ${SIGNS.map((name) => node.getAttribute?.(name) ?? "").join(" ")}`;

function settle(standing, wanted) {
  if (standing.nodeType !== Node.ELEMENT_NODE) {
    if (standing.nodeValue !== wanted.nodeValue) standing.nodeValue = wanted.nodeValue;
    return;
  }
  for (const { name } of [...standing.attributes]) if (!wanted.hasAttribute(name)) standing.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (standing.getAttribute(name) !== value) standing.setAttribute(name, value);
  settleChildren(standing, wanted);
}

function settleChildren(standing, wanted) {
  const known = new Map();
  for (const child of standing.childNodes) known.set(signOf(child), [...(known.get(signOf(child)) ?? []), child]);
  const chosen = [...wanted.childNodes].map((child) => {
    const found = known.get(signOf(child))?.shift();
    if (!found) return child;
    settle(found, child);
    return found;
  });
  for (const left of known.values()) for (const gone of left) gone.remove();
  chosen.forEach((child, place) => {
    if (standing.childNodes[place] !== child) standing.insertBefore(child, standing.childNodes[place] ?? null);
  });
}

export default {
  template: `<component :is="tag"></component>`,
  props: { innerHTML: String, tag: String, sanitize: Boolean },
  mounted() { this.show(); },
  updated() { this.show(); },
  methods: {
    show() {
      if (this.innerHTML === this.shown) return;
      this.shown = this.innerHTML;
      const wanted = this.$el.cloneNode(false);
      wanted.innerHTML = this.innerHTML;
      settleChildren(this.$el, wanted);
    },
  },
};
