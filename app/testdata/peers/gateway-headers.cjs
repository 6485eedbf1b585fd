// Node gives a fetched response headers that cannot be changed, and Portkey's
// gateway changes them. It is started with this file loaded first.
const fetched = globalThis.fetch;
globalThis.fetch = async (...args) => {
  const r = await fetched(...args);
  return new Response(r.body, { status: r.status, statusText: r.statusText, headers: new Headers(r.headers) });
};
