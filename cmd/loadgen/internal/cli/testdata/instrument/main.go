// Shop runs handlers that are registered in tables.
package main

import (
	"fmt"
	"log"
)

var commands = map[string]func(){
	"list": func() { fmt.Println("3 articles") },
	"save": save,
	"ping": func() {}, //loadgen:skip
}

func save() { fmt.Println("saved") }

//loadgen:probe with=logged
var jobs = map[string]func(id int) error{"mail": mail}

func logged(key string, next func(id int) error) func(id int) error {
	return func(id int) error {
		err := next(id)
		fmt.Println("job", key, id, err)
		return err
	}
}

func mail(int) error { return nil }

func main() {
	for _, name := range []string{"list", "save", "save", "ping"} {
		commands[name]()
	}
	if err := jobs["mail"](7); err != nil {
		log.Fatal(err)
	}
}
