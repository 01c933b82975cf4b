// SPDX-License-Identifier: Apache-2.0
// Java's HttpClient against the origin that is given: prints "ok NAME" or "not ok NAME: WHY" for each check.

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

public class Client {
    interface Body {
        void run() throws Exception;
    }

    static int failed = 0;

    static void check(String name, Body body) {
        try {
            body.run();
            System.out.println("ok " + name);
        } catch (Throwable error) {
            failed += 1;
            System.out.println("not ok " + name + ": " + error);
        }
    }

    static void want(boolean condition, Object found) {
        if (!condition) throw new IllegalStateException("found " + found);
    }

    static byte[] pattern(int count) {
        byte[] bytes = new byte[count];
        for (int index = 0; index < count; index++) bytes[index] = (byte) (index % 251);
        return bytes;
    }

    static HttpRequest.Builder request(String url) {
        return HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(20));
    }

    public static void main(String[] arguments) throws Exception {
        String origin = arguments[0];
        for (HttpClient.Version version : HttpClient.Version.values()) {
            HttpClient client = HttpClient.newBuilder().version(version).followRedirects(HttpClient.Redirect.NORMAL).build();
            check(version + " text", () -> {
                HttpResponse<String> found = client.send(request(origin + "/plaintext").build(), BodyHandlers.ofString());
                want(found.statusCode() == 200 && found.body().equals("Hello, World!"), found);
                if (origin.startsWith("https:")) want(found.version() == version, found.version());
            });
            check(version + " a large content", () -> want(Arrays.equals(pattern(3000000),
                client.send(request(origin + "/bytes/3000000").build(), BodyHandlers.ofByteArray()).body()), "other bytes"));
            check(version + " an upload", () -> {
                String found = client.send(request(origin + "/upload").POST(BodyPublishers.ofByteArray(pattern(2000000)))
                    .build(), BodyHandlers.ofString()).body();
                want(found.contains("\"length\":2000000"), found);
            });
            check(version + " redirects and statuses", () -> {
                want(client.send(request(origin + "/redirect/4").build(), BodyHandlers.ofString()).statusCode() == 200, "");
                for (int status : new int[] {204, 404, 500}) {
                    int found = client.send(request(origin + "/status/" + status).build(), BodyHandlers.discarding())
                        .statusCode();
                    want(found == status, found);
                }
            });
            check(version + " fifty at once", () -> {
                ArrayList<CompletableFuture<HttpResponse<byte[]>>> all = new ArrayList<>();
                for (int index = 0; index < 50; index++) {
                    all.add(client.sendAsync(request(origin + "/bytes/" + index * 1000).build(), BodyHandlers.ofByteArray()));
                }
                for (int index = 0; index < 50; index++) {
                    want(Arrays.equals(pattern(index * 1000), all.get(index).get(20, TimeUnit.SECONDS).body()), index);
                }
            });
        }
        check("WebSocket", () -> {
            CompletableFuture<String> echoed = new CompletableFuture<>();
            WebSocket socket = HttpClient.newHttpClient().newWebSocketBuilder()
                .buildAsync(URI.create(origin.replaceFirst("http", "ws") + "/ws"), new WebSocket.Listener() {
                    @Override
                    public CompletionStage<?> onText(WebSocket from, CharSequence text, boolean isLast) {
                        echoed.complete(text.toString());
                        return null;
                    }
                }).get(20, TimeUnit.SECONDS);
            socket.sendText("hello", true).get(20, TimeUnit.SECONDS);
            want(echoed.get(20, TimeUnit.SECONDS).equals("hello"), "another text");
            socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(20, TimeUnit.SECONDS);
        });
        System.exit(failed == 0 ? 0 : 1);
    }
}
