// SPDX-License-Identifier: Apache-2.0

#include "CNGHTTP2.h"

// RFC 9218 priorities came with 1.50 and 1.52 is what the HTTP2 target is tested with.
_Static_assert(NGHTTP2_VERSION_NUM >= 0x013400, "nghttp2 1.52 or newer is needed (libnghttp2-dev)");
