// SPDX-License-Identifier: Apache-2.0
//
// nghttp2 as the system installs it. No logic lives here.

#ifndef HTTPRING_CNGHTTP2_H
#define HTTPRING_CNGHTTP2_H

#include <nghttp2/nghttp2.h>

#endif
