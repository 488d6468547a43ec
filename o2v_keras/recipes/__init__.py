"""Hyperparameters that are chosen by looking at the data."""

from o2v_keras.recipes.data_profile import DataProfile
from o2v_keras.recipes.data_profile import sides_with_texts
from o2v_keras.recipes.recipe import RECIPES
from o2v_keras.recipes.recipe import Recipe
from o2v_keras.recipes.recipe import choose_recipe
from o2v_keras.recipes.recipe import recipe_for

__all__ = [
    "RECIPES",
    "DataProfile",
    "Recipe",
    "choose_recipe",
    "recipe_for",
    "sides_with_texts",
]
