"""What brings AWS's own delivery reports to the function reports: all of it, and nothing else."""

import json
import re
from typing import Any

import pytest
from verification.api.reports import amazon

from tests.local import ROOT

from .loading import FUNCTIONS, STACK, listed, of_type

RESOURCES = STACK["Resources"]
REPORTS = {"Fn::GetAtt": ["ReportsFunction", "Arn"]}
PLACE = {"${AWS::Region}": "eu-west-1", "${AWS::AccountId}": "123456789012"}


# AWS, "Monitor … using Amazon EventBridge", of End User Messaging SMS and of SES; not what people
# open and click.
DETAIL_TYPES = {
    "Text Message Delivery Status Updated",
    "Voice Message Delivery Status Updated",
    "Email Delivered",
    "Email Bounced",
    "Email Rejected",
    "Email Rendering Failed",
}


def test_events_are_brought_from_the_services_whose_events_are_read() -> None:
    rules = of_type("AWS::Events::Rule").values()
    [rule] = [rule for rule in rules if "EventBusName" not in rule]  # of AWS's own bus
    pattern = rule["EventPattern"]
    assert [target["Arn"] for target in rule["Targets"]] == [REPORTS]
    assert set(pattern) == {"source", "detail-type"}
    assert set(pattern["detail-type"]) == DETAIL_TYPES
    for source in pattern["source"]:
        assert amazon.is_report({"source": source, "detail": {}})
    assert not amazon.is_report({"source": "aws.ec2", "detail": {}})
    sample = json.loads((ROOT / "events/reports-eventbridge.json").read_text())
    assert all(sample[field] in pattern[field] for field in pattern)


def test_the_topic_leads_to_the_function() -> None:
    [subscription] = of_type("AWS::SNS::Subscription").values()
    assert subscription == {
        "TopicArn": {"Ref": "ReportsTopic"},
        "Protocol": "lambda",
        "Endpoint": REPORTS,
    }


def test_nobody_but_the_two_services_of_this_account_may_publish() -> None:
    """The topic's own policy replaces AWS's, which lets the account do anything with it."""
    [policy] = of_type("AWS::SNS::TopicPolicy").values()
    assert policy["Topics"] == [{"Ref": "ReportsTopic"}]
    [statement] = policy["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": ["sms-voice.amazonaws.com", "ses.amazonaws.com"]},
        "Action": "sns:Publish",
        "Resource": {"Ref": "ReportsTopic"},
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }


def test_what_fails_however_often_is_kept_and_rings() -> None:
    [invocations] = of_type("AWS::Lambda::EventInvokeConfig").values()
    assert invocations["FunctionName"] == {"Ref": "ReportsFunction"}
    assert invocations["Qualifier"] == "$LATEST"
    [queue, _] = invocations["DestinationConfig"]["OnFailure"]["Destination"]["Fn::GetAtt"]
    assert of_type("AWS::SQS::Queue")[queue]["MessageRetentionPeriod"] == 14 * 24 * 3600
    dimension = {"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}
    alarms = of_type("AWS::CloudWatch::Alarm").values()
    assert [alarm.get("Dimensions") for alarm in alarms].count([dimension]) == 1


def test_functions_that_aws_invokes_by_itself_are_known_here() -> None:
    """Each of them needs a place for what it cannot handle."""
    permissions = of_type("AWS::Lambda::Permission").values()
    others = {p["FunctionName"]["Ref"] for p in permissions if "apigateway" not in p["Principal"]}
    assert others == {"ReportsFunction"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", of_type("AWS::Logs::SubscriptionFilter"))
def test_the_logs_of_sns_are_read_whole_if_the_stack_says_so(name: str) -> None:
    resource: dict[str, Any] = RESOURCES[name]
    assert resource["Condition"] == "HasSnsDeliveryLogs"
    properties = resource["Properties"]
    assert properties["FilterPattern"] == ""
    assert properties["DestinationArn"] == REPORTS
    # CloudWatch Logs tries to call the function before it makes a subscription.
    [permission] = listed(resource["DependsOn"])
    assert RESOURCES[permission]["Properties"]["Principal"] == "logs.amazonaws.com"
    assert RESOURCES[permission]["Condition"] == "HasSnsDeliveryLogs"


def test_these_logs_are_those_that_the_function_reads() -> None:
    groups = [
        filtered["LogGroupName"]["Fn::Sub"]
        for filtered in of_type("AWS::Logs::SubscriptionFilter").values()
    ]
    assert len(groups) == len(set(groups)) == 2  # of successes, of failures
    for group in groups:
        for name, value in PLACE.items():
            group = group.replace(name, value)
        assert re.fullmatch(amazon._LOG_GROUP, group)
