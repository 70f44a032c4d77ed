// What the code of the guide finds in its page; prints what the page shows. Its argument is the URL of the page.

import { MemoryStore } from "./fakes.mjs";

const shows = (name, text) =>
  new Promise((shown) => {
    globalThis[name] = async (value) => shown(console.log(JSON.stringify({ [name]: text(value) })));
  });

globalThis.location = { href: process.argv[2] };
globalThis.sessionStorage = new MemoryStore();
globalThis.fetch = async () => new Response("t1");
globalThis.allShown = Promise.all([
  shows("show", (line) => line),
  shows("load", () => true),
  shows("list", (members) => members.map((member) => member.id)),
]);
