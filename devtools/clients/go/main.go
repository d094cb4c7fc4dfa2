// Sends a text through the generated Go client, and asks what became of it.
package main

import (
	"context"
	"fmt"
	"os"

	longcode "example.com/longcode"
)

func main() {
	settings := longcode.NewConfiguration()
	settings.Servers = longcode.ServerConfigurations{{URL: os.Getenv("API_URL")}}
	settings.AddDefaultHeader("x-api-key", os.Getenv("API_KEY"))
	client, ctx := longcode.NewAPIClient(settings), context.Background()

	text := longcode.NewQueueRequest(os.Getenv("TO"))
	text.SetMessage("From Go")
	sent, _, err := client.SendingAPI.QueueText(ctx).QueueRequest(*text).IdempotencyKey(os.Getenv("KEY")).Execute()
	exitOn(err)
	status, _, err := client.FindingAPI.GetText(ctx, sent.GetMessageId()).Execute()
	exitOn(err)
	fmt.Println(status.GetMessageId())
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
