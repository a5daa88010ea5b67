# SPDX-License-Identifier: Apache-2.0
"""chameleon: renders an HTML table of `rows` x `columns` cells from a template."""

import hashlib

import chameleon

from faasnap_runtime.params import integer

_TEMPLATE = """<table xmlns="http://www.w3.org/1999/xhtml"
       xmlns:tal="http://xml.zope.org/namespaces/tal">
  <tr tal:repeat="row table">
    <td tal:repeat="cell row">
      <span class="column-${cell}" tal:content="cell * 3" />
    </td>
  </tr>
</table>"""


def handle(params, store):
    rows = integer(params, "rows", most=10000)
    columns = integer(params, "columns", most=10000)
    template = chameleon.PageTemplate(_TEMPLATE)
    html = template(table=[range(columns)] * rows).encode()
    return {"bytes": len(html), "sha256": hashlib.sha256(html).hexdigest()}
