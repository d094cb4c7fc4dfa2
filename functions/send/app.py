import json
def lambda_handler(event, context):
    print("stub")
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps({"event": event})}
