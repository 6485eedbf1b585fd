// The part of the sqlite3 package that mcp-server-sqlite-npx calls, on the
// SQLite that is built into Node: the package itself has to be compiled, or
// fetched from somewhere that is no package registry.
"use strict";
const { DatabaseSync } = require("node:sqlite");

class Database {
  constructor(filename) {
    this.database = new DatabaseSync(filename);
  }

  all(sql, params, done) {
    this.#answer(done, () => this.database.prepare(sql).all(...params));
  }

  // run tells what it changed in "this" of the callback.
  run(sql, params, done) {
    let changed = {};
    const error = attempt(() => {
      const { changes, lastInsertRowid } = this.database.prepare(sql).run(...params);
      changed = { changes: Number(changes), lastID: Number(lastInsertRowid) };
    }).error;
    setImmediate(() => done.call(changed, error));
  }

  close(done) {
    this.#answer(done ?? (() => {}), () => this.database.close());
  }

  #answer(done, work) {
    const { error, value } = attempt(work);
    setImmediate(() => done(error, value));
  }
}

function attempt(work) {
  try {
    return { error: null, value: work() };
  } catch (error) {
    return { error };
  }
}

module.exports = { Database };
