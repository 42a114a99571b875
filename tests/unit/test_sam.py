"""What `sam local` is given, and what is said where something that it needs is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.sam.engine import Engine, EngineError
from local.sam.front import environment
from local.sam.reach import THIS_MACHINE, Reach, free_port, is_free, is_ours
from local.sam.template import for_this_machine
from local.sam.turn import only_one
from local.stack import StackError
from local.templates.written import TEMPLATE
from tests.acceptance.up import cli

ARTIFACT = Path("/somewhere/artifact")


@pytest.fixture
def reach() -> Reach:
    return Reach(host="172.18.0.1", moto_port=5000, postgres_port=5432, password="secret")


def test_the_copy_of_the_template_is_json_that_runs_the_artifact_and_declares_every_variable() -> None:
    names = ["AWS_ENDPOINT_URL", "PIECEWISE_PUBLIC_S3_URL", "PIECEWISE_BUCKET"]
    copy = for_this_machine(TEMPLATE, artifact=ARTIFACT, architecture="x86_64", variables=names)
    everywhere = json.loads(json.dumps(copy))["Globals"]["Function"]
    assert (everywhere["CodeUri"], everywhere["Architectures"]) == (str(ARTIFACT), ["x86_64"])
    variables = everywhere["Environment"]["Variables"]
    assert variables["AWS_ENDPOINT_URL"] == variables["PIECEWISE_PUBLIC_S3_URL"] == ""
    assert variables["PIECEWISE_BUCKET"] == {"Ref": "Documents"}
    assert variables["PIECEWISE_PLAN_QUEUE"] == {"Fn::GetAtt": ["PlanQueue", "QueueName"]}


def test_the_copy_has_the_functions_and_the_api_of_the_template_but_no_nested_stacks(tmp_path: Path) -> None:
    given = tmp_path / "template.yaml"
    given.write_text(
        "Globals: {Function: {CodeUri: ., Environment: {Variables: {}}}}\n"
        "Conditions: {IsOpen: !Equals [!Ref Open, 'yes']}\n"
        "Resources:\n"
        "  Network: {Type: 'AWS::CloudFormation::Stack', Properties: {TemplateURL: infra/network.yaml}}\n"
        "  Api: {Type: 'AWS::Serverless::Function', Properties: {Role: !GetAtt Role.Arn}}\n"
    )
    copy = for_this_machine(given, artifact=ARTIFACT, architecture="arm64", variables=[])
    assert copy["Resources"] == {
        "Api": {"Type": "AWS::Serverless::Function", "Properties": {"Role": {"Fn::GetAtt": ["Role", "Arn"]}}}
    }
    assert copy["Conditions"] == {"IsOpen": {"Fn::Equals": [{"Ref": "Open"}, "yes"]}}


def test_a_container_knows_this_machine_by_name_and_a_client_by_its_address(reach: Reach) -> None:
    told = reach.variables({"PIECEWISE_BUCKET": "documents", "PIECEWISE_DATABASE_URL": "…", "PATH": "/bin"})
    assert told["PIECEWISE_BUCKET"] == "documents"
    assert "PATH" not in told
    assert told["AWS_ENDPOINT_URL"] == f"http://{THIS_MACHINE}:5000"
    assert told["PIECEWISE_DATABASE_URL"] == f"postgresql+psycopg://postgres:secret@{THIS_MACHINE}:5432/postgres"
    assert told["PIECEWISE_PUBLIC_S3_URL"] == "http://172.18.0.1:5000"


def test_services_stay_on_loopback_where_the_containers_network_is_not_of_this_machine() -> None:
    assert is_ours("127.0.0.1")
    assert not is_ours("192.0.2.1")  # nobody's, RFC 5737
    reach = Reach.over("192.0.2.1")
    assert reach.host == "127.0.0.1"
    assert is_free(reach.moto_port)


def test_a_password_is_not_shown(reach: Reach) -> None:
    assert "secret" not in repr(reach)


def test_sam_sees_no_keys_and_none_of_our_settings() -> None:
    given = {"PATH": "/bin", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_PROFILE": "mine", "PIECEWISE_BUCKET": "b"}
    seen = environment(given, "unix:///run/docker.sock")
    assert (seen["PATH"], seen["DOCKER_HOST"]) == ("/bin", "unix:///run/docker.sock")
    assert not {"AWS_ACCESS_KEY_ID", "AWS_PROFILE", "PIECEWISE_BUCKET"} & seen.keys()


def test_without_docker_one_line_names_the_way_out() -> None:
    done = cli("sam-local", env={"PATH": "/nowhere"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("piecewise: error: docker is not installed")
    assert "`piecewise up`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_engine_that_does_not_run_is_one_line_with_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon.\nIs it running?' >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"^docker version failed: Cannot connect .* Is it running\? \(start Docker"):
        Engine()


def test_what_a_killed_run_left_is_removed_before_the_network_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, calls = tmp_path / "docker", tmp_path / "calls"
    docker.write_text(
        f'#!/bin/sh\necho "$1 $2" >> {calls}\n'
        'case "$1 $2" in "network ls") echo id;; "ps --all") echo one; echo two;;'
        ' "network inspect") echo 172.18.0.1;; esac\n'
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert Engine().make_network("ours") == "172.18.0.1"
    done = calls.read_text().splitlines()
    assert done.index("rm --force") < done.index("network rm") < done.index("network create")


def test_there_is_one_sam_local_a_port_from_its_very_start() -> None:
    port = free_port("127.0.0.1")
    with only_one(port):
        with pytest.raises(StackError, match=f"^another sam-local is on port {port} or about to be: stop that"):
            only_one(port).__enter__()
        with only_one(free_port("127.0.0.1")):
            pass
    with only_one(port):
        pass
