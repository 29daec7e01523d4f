#!/usr/bin/env python3
"""Deletes a stack with the SAM CLI, and prints which data stays and how to delete it.

Usage: delete.py SAM NAME [OPTION...]    the SAM CLI, the name of the stack, more options of "sam delete"
Exit codes: 0 deleted, 1 not deleted, 2 wrong usage.
"""

import json
import subprocess
import sys

REMAINING = """
The stack {name} is deleted. Its data are kept, and AWS charges for their storage:

  table   {table}
  bucket  {bucket}

The command line can still read the table: cloudtrail-inspector clusters list --table {table}
A new stack creates a new table and a new bucket. To delete these two for ever:

  aws dynamodb update-table --table-name {table} --no-deletion-protection-enabled
  aws dynamodb delete-table --table-name {table}

To delete the bucket, first delete all objects in it with all of their versions. Repeat the first command until it reports that there is
nothing to delete (it deletes 500 at a time, because Linux allows 128 KB for one argument):

  aws s3api delete-objects --bucket {bucket} --delete "$(aws s3api list-object-versions --bucket {bucket} --max-items 1000 \\
    --output json --query '{{Objects: [Versions, DeleteMarkers][].{{Key: Key, VersionId: VersionId}} | [:500]}}')"
  aws s3api delete-bucket --bucket {bucket}

If you used the Athena queries, their table is kept as well. To delete it, run in the Athena console:

  DROP TABLE cloudtrail_{table_of_athena}
"""

NO_OUTPUTS = """
The outputs of the stack could not be read, so it is not known whether it has left data. A stack whose first deployment failed keeps
nothing; otherwise look for its table and its bucket in the AWS console.
"""


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    sam, name, *options = arguments
    remaining = outputs(sam, name, options)
    done = subprocess.run([sam, "delete", "--stack-name", name, *options], check=False)
    if done.returncode != 0:
        return 1
    if remaining is None:
        print(NO_OUTPUTS)
    else:
        table, bucket = remaining
        print(REMAINING.format(name=name, table=table, bucket=bucket, table_of_athena=name.replace("-", "_")))
    return 0


def outputs(sam, name, options):
    """Returns the names of the table and the bucket; None if the outputs do not have them."""
    region = [part for at in range(len(options)) if options[at] in ("--region", "--profile") for part in options[at : at + 2]]
    command = [sam, "list", "stack-outputs", "--stack-name", name, "--output", "json", *region]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = {one["OutputKey"]: one["OutputValue"] for one in json.loads(done.stdout)}
        return found["TableName"], found["BucketName"]
    except (ValueError, KeyError, TypeError):
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
