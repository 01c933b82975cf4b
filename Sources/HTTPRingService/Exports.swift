// SPDX-License-Identifier: Apache-2.0

// The control protocol is the service's own language: whoever imports the service speaks it.
@_exported public import HTTPRingControl
