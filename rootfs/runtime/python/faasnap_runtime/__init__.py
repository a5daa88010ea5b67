# SPDX-License-Identifier: Apache-2.0
"""The Python runtime of the guest: the process that a Python function is."""
