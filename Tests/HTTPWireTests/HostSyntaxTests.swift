// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import HTTPWire

@Suite("Host and authority")
struct HostSyntaxTests {
    @Test("Hosts follow RFC 3986 §3.2.2 as narrowed by Kestrel", arguments: Corpus.table("hosts.tsv"))
    func grammar(_ row: Corpus.Row) {
        let host = row.bytes(1)
        let syntax = HostSyntax(host.span)
        guard row.text(0) == "valid" else {
            #expect(syntax == nil, "\(row)")
            return
        }
        #expect(syntax.map { Array(host[$0.host.range]) } == row.bytes(2), "\(row)")
        #expect(syntax?.port.map(String.init) ?? "-" == row.text(3), "\(row)")
    }

    @Test("A host name holds letters, digits and - . _ ~ ! $ ' ( ) only, at any place")
    func bytes() {
        let allowed = Set("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._~!$'()".utf8)
        for byte in UInt8.min...UInt8.max {
            for host in [[byte], [0x61, byte], [byte, 0x61], [0x61, byte, 0x61]] as [[UInt8]]
            where byte != UInt8(ascii: ":") {
                #expect((HostSyntax(host.span) != nil) == allowed.contains(byte), "\(printable(host))")
            }
        }
    }
}
