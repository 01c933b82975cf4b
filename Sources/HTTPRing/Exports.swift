// SPDX-License-Identifier: Apache-2.0

// `import HTTPRing` is all a handler needs: what the context, its fields and the options are made of comes along.
@_exported public import HTTP2
@_exported public import HTTPEngine
@_exported public import HTTPFeatures
@_exported public import HTTPSecure
@_exported public import HTTPTypes
@_exported public import HTTPWire
