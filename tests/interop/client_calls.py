"""Calls one client and prints what it returned as JSON; run by the Python of the clients' own environment.

Usage: python client_calls.py NAME URL
"""

from __future__ import annotations

import json
import sys
from typing import Any

TEXTS = ["the parcel came on monday", "thanks for the money", "where is my box today"]
QUERY = "where is my parcel"
EMBEDDER = "text-embedding"
KEY = "none"


def haystack_tei(url: str) -> Any:
    """At the root of a server: Haystack's ranker ignores the path of its URL."""
    from haystack import Document
    from haystack_integrations.components.embedders.huggingface_api import (
        HuggingFaceAPIDocumentEmbedder,
        HuggingFaceAPITextEmbedder,
    )
    from haystack_integrations.components.rankers.huggingface_api import HuggingFaceTEIRanker

    options: Any = {"api_type": "text_embeddings_inference", "api_params": {"url": url}, "normalize": True}
    documents = [Document(content=text) for text in TEXTS]
    embedded = HuggingFaceAPIDocumentEmbedder(**options).run(documents=documents)["documents"]
    ranker = HuggingFaceTEIRanker(url=url, top_k=2)
    ranked = ranker.run(query=QUERY, documents=documents)["documents"]
    return {
        "query": HuggingFaceAPITextEmbedder(**options).run(text=QUERY)["embedding"],
        "vectors": [each.embedding for each in embedded],
        "ranking": [[TEXTS.index(each.content), each.score] for each in ranked],
    }


def haystack_openai(url: str) -> Any:
    from haystack.components.embedders import OpenAITextEmbedder
    from haystack.utils import Secret

    embedder = OpenAITextEmbedder(api_key=Secret.from_token(KEY), api_base_url=f"{url}/v1", model=EMBEDDER)
    return {"query": embedder.run(text=QUERY)["embedding"]}


def langchain_openai(url: str) -> Any:
    from langchain_openai import OpenAIEmbeddings

    embeddings = OpenAIEmbeddings(
        model=EMBEDDER, base_url=f"{url}/v1", api_key=KEY, check_embedding_ctx_length=False, dimensions=None
    )
    return {"query": embeddings.embed_query(QUERY), "vectors": embeddings.embed_documents(TEXTS)}


def langchain_cohere(url: str) -> Any:
    from langchain_cohere import CohereEmbeddings, CohereRerank

    embeddings = CohereEmbeddings(model=EMBEDDER, cohere_api_key=KEY, base_url=f"{url}/cohere")
    ranker = CohereRerank(model=EMBEDDER, cohere_api_key=KEY, base_url=f"{url}/cohere", top_n=2)
    ranked = ranker.rerank(TEXTS, QUERY)
    return {
        "query": embeddings.embed_query(QUERY),
        "vectors": embeddings.embed_documents(TEXTS),
        "ranking": [[each["index"], each["relevance_score"]] for each in ranked],
    }


def llama_index_tei(url: str) -> Any:
    from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference

    embeddings = TextEmbeddingsInference(model_name=EMBEDDER, base_url=f"{url}/tei/{EMBEDDER}")
    return {"query": embeddings.get_query_embedding(QUERY), "vectors": embeddings.get_text_embedding_batch(TEXTS)}


def cohere_5(url: str) -> Any:
    import cohere

    v1 = cohere.Client(api_key=KEY, base_url=f"{url}/cohere")
    v2 = cohere.ClientV2(api_key=KEY, base_url=f"{url}/cohere")
    older = v1.rerank(model=EMBEDDER, query=QUERY, documents=[{"text": text} for text in TEXTS], top_n=2)
    newer = v2.rerank(model=EMBEDDER, query=QUERY, documents=TEXTS, top_n=2)
    rankings = [[[each.index, each.relevance_score] for each in found.results] for found in (older, newer)]
    vectors = v2.embed(texts=TEXTS, model=EMBEDDER, input_type="search_document", embedding_types=["float"])
    query = v1.embed(texts=[QUERY], model=EMBEDDER, input_type="search_query")
    labels = v1.classify(model="intents", inputs=TEXTS)
    return {
        "query": query.embeddings[0],
        "vectors": vectors.embeddings.float_,
        "ranking": rankings[0],
        "rankings_agree": rankings[0] == rankings[1],
        "labels": [each.predictions for each in labels.classifications],
    }


if __name__ == "__main__":
    json.dump(globals()[sys.argv[1]](sys.argv[2]), sys.stdout)
