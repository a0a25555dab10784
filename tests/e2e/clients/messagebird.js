// Makes one call of MessageBird's own client, as it comes from npm, and prints what came of it.
//
// On stdin: {"package": its folder, "port": of the server that plays its host, "key": the access
// key, "call": ["verify", "read"], "arguments": [...]}. On stdout: {"result"} or {"error"}.
'use strict';

const fs = require('fs');
const https = require('https');

const asked = JSON.parse(fs.readFileSync(0, 'utf8'));

// The client has its host built in. Connections of this process lead to the server that plays it;
// TLS still wants the certificate of that host.
const connect = https.globalAgent.createConnection;
https.globalAgent.createConnection = (options, callback) =>
  connect.call(https.globalAgent, { ...options, host: '127.0.0.1', port: asked.port }, callback);

const PATIENCE = 60000; // milliseconds for an answer: a function may have to start first
const client = require(asked.package).initClient(asked.key, PATIENCE);
const [group, method] = asked.call;
client[group][method](...asked.arguments, (error, result) => {
  const told = error && {
    message: error.message,
    statusCode: error.statusCode,
    errors: error.errors,
  };
  process.stdout.write(JSON.stringify(error ? { error: told } : { result }));
});
