"""What a deploy's parameters may be, and what the template's Rules refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.templates.parameters import main, refusals

TOKENS = {"JwtIssuer": "https://issuer.example", "JwtAudience": "piecewise"}
NETWORK = {"VpcId": "vpc-0a1b", "SubnetIds": "subnet-0a1b,subnet-0c2d"}
DATABASE = {
    "DatabaseHost": "db.example",
    "DatabaseResourceId": "db-ABCDEF",
    "DatabaseSecurityGroupId": "sg-0a1b",
    "DatabaseAdminSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:admin",
}
KEY = {"ModelApiKeySecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:model"}


@pytest.mark.parametrize(
    "given",
    [
        TOKENS,
        {"OpenToEveryone": "yes"},
        {**TOKENS, "ModelProvider": "bedrock", "DefaultModel": "any", "BedrockModelArns": "arn:one,arn:two"},
        {**TOKENS, "ModelProvider": "openai", "Egress": "nat", **KEY},
        {**TOKENS, "ModelProvider": "anthropic", **NETWORK, **KEY},
        {**TOKENS, "ModelProvider": "openai", **NETWORK, "ModelBaseUrl": "https://model.internal/v1"},
        {**TOKENS, **NETWORK, **DATABASE},
        {**TOKENS, "UseProxy": "yes", "DatabaseStandby": "yes", "AvailabilityZones": "3"},
    ],
)
def test_a_whole_set_of_parameters_is_taken(given: dict[str, str]) -> None:
    assert refusals(given) == []


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        ({}, "Give JwtIssuer and JwtAudience, or say OpenToEveryone=yes."),
        ({**TOKENS, "OpenToEveryone": "yes"}, "contradict"),
        ({"JwtIssuer": "https://issuer.example"}, "JwtIssuer needs JwtAudience"),
        ({**TOKENS, "ModelProvider": "openai", **KEY}, "needs Egress=nat"),
        ({**TOKENS, "ModelProvider": "anthropic", "Egress": "nat"}, "needs ModelApiKeySecretArn"),
        ({**TOKENS, "ModelProvider": "bedrock"}, "needs BedrockModelArns"),
        ({**TOKENS, "DefaultModel": "any"}, "DefaultModel"),
        ({**TOKENS, "VpcId": "vpc-0a1b"}, "VpcId and SubnetIds belong together"),
        ({**TOKENS, "SubnetIds": NETWORK["SubnetIds"]}, "VpcId and SubnetIds belong together"),
        ({**TOKENS, **DATABASE}, "DatabaseHost needs the VpcId"),
        ({**TOKENS, **NETWORK, "DatabaseHost": "db.example"}, "DatabaseHost needs DatabaseResourceId"),
        ({**TOKENS, **NETWORK, **DATABASE, "UseProxy": "yes"}, "UseProxy is for the cluster"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused_by_a_rule(given: dict[str, str], trouble: str) -> None:
    (line,) = refusals(given)
    assert trouble in line


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        ({"Egres": "nat"}, "Egres: there is no such parameter"),
        ({"Egress": "yes"}, "Egress is 'yes'; it may be none, nat"),
        ({"ChunkConcurrency": "1"}, "ChunkConcurrency is 1; it is at least 2"),
        ({"ChunkBatchSize": "11"}, "ChunkBatchSize is 11; it is at most 10"),
        ({"ChunkBatchSize": "many"}, "ChunkBatchSize is 'many', not a whole number"),
        ({"FunctionTimeout": "120"}, "FunctionTimeout is '120'; it may be 180, 300, 600, 900"),
        ({"SubnetIds": "subnet-0a"}, "SubnetIds is 'subnet-0a', which does not match"),
        ({"JwtIssuer": "http://plain.example"}, "JwtIssuer is 'http://plain.example', which does not match"),
    ],
)
def test_a_parameter_outside_its_limits_is_refused_by_name(given: dict[str, str], trouble: str) -> None:
    (line,) = refusals({**TOKENS, **given})
    assert trouble in line


def test_the_command_says_what_is_wrong_in_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["Egress=yes", "ChunkMemory=1"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert main(["OpenToEveryone"]) == 1
    assert capsys.readouterr().err == "parameters: 'OpenToEveryone' is not Name=value\n"
    assert main(["Egress=nat", "Egress=none"]) == 1
    assert capsys.readouterr().err == "parameters: Egress is given twice: 'nat' and 'none'\n"
    assert main(["OpenToEveryone=yes"]) == 0


def test_a_parameter_without_a_default_must_be_given(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("Parameters: {Colour: {Type: String}}\nResources: {}\n")
    assert refusals({}, path) == ["Colour has no default: give it"]
    assert refusals({"Colour": "blue"}, path) == []
