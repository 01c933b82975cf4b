// SPDX-License-Identifier: Apache-2.0
//
// zlib, with functions for the two initializers that are macros: raw DEFLATE (RFC 1951), without a zlib header.

#ifndef HTTPRING_CZLIB_H
#define HTTPRING_CZLIB_H

#include <zlib.h>

// deflateInit2 for raw DEFLATE with a window of 2^window_bits bytes, 9 to 15.
static inline int hr_deflate_init_raw(z_stream *_Nonnull stream, int level, int window_bits, int memory_level,
                                      int strategy) {
    return deflateInit2(stream, level, Z_DEFLATED, -window_bits, memory_level, strategy);
}

// inflateInit2 for raw DEFLATE with a window of 2^window_bits bytes, 8 to 15.
static inline int hr_inflate_init_raw(z_stream *_Nonnull stream, int window_bits) {
    return inflateInit2(stream, -window_bits);
}

#endif
