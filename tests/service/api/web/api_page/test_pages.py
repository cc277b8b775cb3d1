from starlette.testclient import TestClient

from glossator.service.api.web.templating import POLICY


def test_page_lists_tasks_models_and_dialects(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    for words in ("Text classification", "Zero-shot", "Hugging Face", "Label Studio", "/openapi.json"):
        assert words in page.text
    assert "Requests need no key." in page.text
    for name in client.get("/v1/models").json()["models"]:
        assert name["name"] in page.text


def test_page_has_the_policy_of_all_pages(client: TestClient) -> None:
    assert client.get("/docs").headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY


def test_key_page_of_a_server_without_keys_asks_for_none(client: TestClient) -> None:
    page = client.get("/ui/session", params={"next": "/docs"})
    assert "This server needs no key." in page.text
    assert 'href="/docs"' in page.text
    assert "<form" not in page.text.partition("<main")[2]
