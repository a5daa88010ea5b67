# SPDX-License-Identifier: Apache-2.0
"""pagerank: ranks the nodes of a random scale-free graph (Barabasi model, `edges` edges a node)."""

import random

import igraph

from faasnap_runtime.params import integer

_TOP = 10


def handle(params, store):
    nodes = integer(params, "nodes", most=10_000_000)
    edges = integer(params, "edges", 10, most=1000)
    igraph.set_random_number_generator(random.Random(integer(params, "seed", 1, least=0)))
    graph = igraph.Graph.Barabasi(nodes, edges)
    ranks = graph.pagerank()
    top = sorted(range(nodes), key=lambda node: (-ranks[node], node))[:_TOP]
    # Rounded far above the error of the iteration: equal on any processor.
    return {
        "nodes": nodes,
        "edges": graph.ecount(),
        "top": [{"node": node, "rank": round(ranks[node], 9)} for node in top],
    }
