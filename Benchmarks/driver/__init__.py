# SPDX-License-Identifier: Apache-2.0
"""The whole-server benchmark: see ../README.md and ../run --help."""
