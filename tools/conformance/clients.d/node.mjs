// SPDX-License-Identifier: Apache-2.0
// Node's clients against the origin that is given: prints 'ok NAME' or 'not ok NAME: WHY' for each check.

import { createHash } from "node:crypto";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";

const origin = process.argv[2];
const isSecure = origin.startsWith("https:");
let failed = 0;

async function check(name, body) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("20 s have passed")), 20000); });
    try {
        await Promise.race([body(), late]);
        console.log(`ok ${name}`);
    } catch (error) {
        failed += 1;
        console.log(`not ok ${name}: ${error.cause ?? error}`);
    } finally {
        clearTimeout(timer);
    }
}

function equal(found, wanted) {
    if (found !== wanted) throw new Error(`wanted ${String(wanted).slice(0, 80)}, got ${String(found).slice(0, 80)}`);
}

const pattern = (count) => Buffer.from(Uint8Array.from({ length: count }, (_, index) => index % 251));
const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

await check("fetch text and JSON", async () => {
    equal(await (await fetch(origin + "/plaintext")).text(), "Hello, World!");
    equal((await (await fetch(origin + "/json")).json()).message, "Hello, World!");
});
await check("fetch a large content", async () => {
    const bytes = Buffer.from(await (await fetch(origin + "/bytes/3000000")).arrayBuffer());
    equal(digest(bytes), digest(pattern(3000000)));
});
await check("fetch with a streamed upload", async () => {
    const body = new ReadableStream({
        start(controller) {
            for (let count = 0; count < 50; count += 1) controller.enqueue(new Uint8Array(pattern(10000)));
            controller.close();
        },
    });
    const answer = await fetch(origin + "/upload", { method: "POST", body, duplex: "half" });
    equal((await answer.json()).length, 500000);
});
await check("fetch a hundred at once", async () => {
    const texts = await Promise.all(Array.from({ length: 100 }, async () => (await fetch(origin + "/plaintext")).text()));
    equal(texts.filter((text) => text === "Hello, World!").length, 100);
});
await check("fetch that is aborted", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 100);
    let name = "none";
    try { await fetch(origin + "/delay/10000", { signal: stop.signal }); } catch (error) { name = error.name; }
    equal(name, "AbortError");
});
await check("http.request with keep-alive and trailers", async () => {
    const library = isSecure ? https : http;
    const agent = new library.Agent({ keepAlive: true, maxSockets: 1 });
    for (let count = 0; count < 5; count += 1) {
        const trailers = await new Promise((resolve, reject) => {
            library.get(origin + "/trailers", { agent }, (answer) => {
                answer.resume();
                answer.on("end", () => resolve(answer.trailers));
            }).on("error", reject);
        });
        equal(trailers["x-checksum"], "ok");
    }
    agent.destroy();
});

function ask(session, fields, content) {
    return new Promise((resolve, reject) => {
        const stream = session.request(fields);
        const answer = { head: null, trailers: null, pieces: [] };
        stream.on("response", (head) => { answer.head = head; });
        stream.on("trailers", (trailers) => { answer.trailers = trailers; });
        stream.on("data", (piece) => answer.pieces.push(piece));
        stream.on("end", () => resolve({ ...answer, content: Buffer.concat(answer.pieces) }));
        stream.on("error", reject);
        stream.end(content);
    });
}

const session = http2.connect(origin);
session.on("error", () => {});
await check("http2 a hundred streams at once", async () => {
    const paths = Array.from({ length: 100 }, (_, index) => `/bytes/${index * 100}`);
    const answers = await Promise.all(paths.map((path) => ask(session, { ":path": path })));
    answers.forEach((answer, index) => equal(digest(answer.content), digest(pattern(index * 100))));
});
await check("http2 an echo of 2 MB", async () => {
    const answer = await ask(session, { ":path": "/echo", ":method": "POST" }, pattern(2000000));
    equal(digest(answer.content), digest(pattern(2000000)));
});
await check("http2 trailers", async () => {
    equal((await ask(session, { ":path": "/trailers" })).trailers["x-checksum"], "ok");
});
await check("http2 a reset leaves the session", async () => {
    const stream = session.request({ ":path": "/delay/10000" });
    stream.on("error", () => {});
    setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 50);
    await new Promise((resolve) => stream.on("close", resolve));
    equal((await ask(session, { ":path": "/plaintext" })).content.toString(), "Hello, World!");
});
await check("http2 ping and the server's settings", async () => {
    await new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve())));
    equal(session.remoteSettings.enableConnectProtocol, true);
});
session.close();
process.exit(failed ? 1 : 0);
