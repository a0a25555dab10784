"""Every function: its own code, role, log group and alarm."""

import pytest
from verification.operations.verify import ASK_AGAIN

from tests.local import ROOT

from .loading import FUNCTIONS, STACK, TEMPLATE, of_type

# API Gateway gives up after 29 seconds; whoever goes on after that answers nobody.
API_PATIENCE = 29

# Who has the keys of codes makes codes or checks them; these two check none.
CHECKERS = {
    name
    for name, function in FUNCTIONS.items()
    if "CODE_KEYS_SECRET" in function["Environment"]["Variables"]
} - {"StartFunction", "ResendFunction"}

each_function = pytest.mark.parametrize("function", FUNCTIONS)


def folder(function: str) -> str:
    return str(TEMPLATE["Resources"][function]["Properties"]["CodeUri"])


def test_each_folder_is_one_function() -> None:
    folders = {f"functions/{path.parent.name}" for path in ROOT.glob("functions/*/app.py")}
    assert sorted(folder(function) for function in FUNCTIONS) == sorted(folders)


@each_function
def test_a_function_is_named_after_its_folder(function: str) -> None:
    assert folder(function) == f"functions/{function.removesuffix('Function').lower()}"


@each_function
def test_a_function_runs_on_the_python_of_the_project_with_its_layers(function: str) -> None:
    properties = FUNCTIONS[function]
    python = (ROOT / ".python-version").read_text().strip()
    assert properties["Runtime"] == f"python{python}"
    assert properties["Handler"] == "app.handler"
    assert properties["Architectures"] == [{"Ref": "Architecture"}]
    layers = {layer["Ref"] for layer in properties["Layers"]}
    assert layers <= set(of_type("AWS::Lambda::LayerVersion"))
    own = {layer.rstrip("0123456789abcdef") for layer in layers}
    countries = {"CountriesLayer"} if function == "MessenteFunction" else set()
    assert own == {"DependenciesLayer", "VerificationLayer"} | countries


@each_function
def test_a_function_has_a_role_of_its_own(function: str) -> None:
    role = FUNCTIONS[function]["Role"]
    assert role == {"Fn::GetAtt": [f"{function}Role", "Arn"]}
    assert [other["Role"] for other in FUNCTIONS.values()].count(role) == 1
    assert of_type("AWS::IAM::Role")[f"{function}Role"]["AssumeRolePolicyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["sts:AssumeRole"],
                "Principal": {"Service": ["lambda.amazonaws.com"]},
            }
        ],
    }


@each_function
def test_a_function_logs_to_a_group_of_its_own_that_forgets(function: str) -> None:
    group = FUNCTIONS[function]["LoggingConfig"]["LogGroup"]
    assert [other["LoggingConfig"]["LogGroup"] for other in FUNCTIONS.values()].count(group) == 1
    assert of_type("AWS::Logs::LogGroup")[group["Ref"]] == {
        "RetentionInDays": {"Ref": "LogRetentionDays"}
    }


@each_function
def test_a_function_has_an_alarm_on_its_errors(function: str) -> None:
    watched = [
        alarm.get("Dimensions")
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if (alarm.get("Namespace"), alarm.get("MetricName")) == ("AWS/Lambda", "Errors")
    ]
    assert watched.count([{"Name": "FunctionName", "Value": {"Ref": function}}]) == 1


@each_function
def test_a_function_ends_before_api_gateway_gives_up(function: str) -> None:
    assert FUNCTIONS[function]["Timeout"] < API_PATIENCE


def test_these_check_codes() -> None:
    dialects = {"MessenteFunction", "MessageBirdFunction", "VerigatorFunction"}
    assert {"VerifyFunction", "PageFunction"} | dialects == CHECKERS


@pytest.mark.parametrize("function", sorted(CHECKERS))
def test_a_verifier_is_asked_again_only_when_nobody_can_be_asking_it_still(function: str) -> None:
    assert FUNCTIONS[function]["Timeout"] <= ASK_AGAIN


def test_those_that_other_lambdas_call_have_names() -> None:
    names = {name: f["FunctionName"] for name, f in FUNCTIONS.items() if "FunctionName" in f}
    assert names == {
        f"{name.title()}Function": {"Fn::Sub": f"${{AWS::StackName}}-{name}"}
        for name in ("start", "verify", "lookup", "delete", "resend")
    }


def test_only_others_layer_stays_when_a_newer_one_comes() -> None:
    policies = {
        name: resource["DeletionPolicy"]
        for name, resource in STACK["Resources"].items()
        if resource["Type"] == "AWS::Lambda::LayerVersion"
    }
    kept = {name.rstrip("0123456789abcdef") for name, kind in policies.items() if kind == "Retain"}
    assert kept == {"ClientLayer"}
    assert set(policies.values()) == {"Delete", "Retain"}


def test_no_deployment_stands_behind_an_alias_or_a_version() -> None:
    """An alias is a client's; one of SAM's would stay behind when only a layer changes."""
    assert of_type("AWS::Lambda::Alias") == of_type("AWS::Lambda::Version") == {}
    assert not any("SnapStart" in function for function in FUNCTIONS.values())


def test_layers_are_built_by_their_makefiles() -> None:
    layers = {
        name: resource
        for name, resource in TEMPLATE["Resources"].items()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    }
    assert {resource["Properties"]["ContentUri"] for resource in layers.values()} == {
        "layers/client",
        "layers/countries",
        "layers/dependencies",
        "layers/verification",
    }
    for name, resource in layers.items():
        assert resource["Metadata"] == {"BuildMethod": "makefile"}
        makefile = ROOT / resource["Properties"]["ContentUri"] / "Makefile"
        assert f"\nbuild-{name}:" in makefile.read_text()


def test_layers_fit_the_functions() -> None:
    architectures = TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]
    runtimes = {function["Runtime"] for function in FUNCTIONS.values()}
    for layer in of_type("AWS::Lambda::LayerVersion").values():
        assert set(layer["CompatibleRuntimes"]) >= runtimes
        assert layer["CompatibleArchitectures"] == architectures


def test_nothing_but_the_known_kinds_of_resources_is_deployed() -> None:
    """A new kind brings rules of its own: write them here, then let it in."""
    assert {resource["Type"] for resource in STACK["Resources"].values()} == {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::BasePathMapping",
        "AWS::ApiGateway::Deployment",
        "AWS::ApiGateway::DomainName",
        "AWS::ApiGateway::RestApi",
        "AWS::ApiGateway::Stage",
        "AWS::CloudWatch::Alarm",
        "AWS::CloudWatch::Dashboard",
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Events::Rule",
        "AWS::IAM::Role",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersion",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::Logs::SubscriptionFilter",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::Secret",
    }
