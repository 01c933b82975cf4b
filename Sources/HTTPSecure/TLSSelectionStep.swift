// SPDX-License-Identifier: Apache-2.0

/// One way of finding the binding of a connection; the configuration holds them in the order they are tried.
public enum TLSSelectionStep: Hashable, Sendable, CaseIterable {
    /// A host name that is the one in the client's hello.
    case exactName
    /// `*.name` with the longest name that the client's lies below.
    case wildcardName
    /// A directory bound to the client's name.
    case scopedDirectory
    /// A directory for any name.
    case directory
    /// The address that the client reached.
    case exactAddress
    /// Every address, and then the default.
    case anyAddress

    /// Names before addresses, the more exact first.
    public static var standardOrder: [TLSSelectionStep] { allCases }
}
